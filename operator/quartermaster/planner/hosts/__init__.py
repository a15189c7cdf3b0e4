"""Plans that fit on hosts: replicas packed, needs seated again, limits tightened where replicas find no host."""
