"""Everything that speaks HTTP. ``app.create_app`` wires it; nothing below knows of it."""
