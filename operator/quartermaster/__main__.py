"""``python -m quartermaster`` runs the operator."""

import sys

from quartermaster.controller.main import main

sys.exit(main())
