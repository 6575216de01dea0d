"""What goes in and comes out, as it stands in the OpenAPI description."""
