"""One module for each kind of thing; `add_to` registers its commands."""
