"""One module per kind of page. A view reads its form, asks a service or selector, and renders; rules live below it."""
