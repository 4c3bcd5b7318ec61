"""The pages: rendered here, usable without JavaScript, and made smoother by htmx where there is some."""
