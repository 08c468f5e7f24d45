"""`python -m swelld`."""

from swelld.cli import main

main()
