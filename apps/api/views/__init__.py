"""What the API answers. A view reads the request, calls one service or selector, and writes the answer."""
