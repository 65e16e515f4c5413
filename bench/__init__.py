"""What Switchboard costs and how fast it is, measured on the real handlers: `make bench`. docs/performance.md
tells how."""
