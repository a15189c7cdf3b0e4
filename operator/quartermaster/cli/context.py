"""The arguments that say which cluster is meant. Nothing is connected here, so that nothing has to be loaded for it."""

import argparse


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say which cluster is meant."""
    parser.add_argument("--kubeconfig", metavar="FILE", help="kubeconfig; $KUBECONFIG or ~/.kube/config when absent")
    parser.add_argument("--context", metavar="NAME", help="context of the kubeconfig; the current one when absent")
