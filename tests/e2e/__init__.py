"""The whole loop on a real control plane: the operator as a process under its own rights, the audit log as witness."""
