"""Tables, figures, interactive charts and the page that shows them."""
