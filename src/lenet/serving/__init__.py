"""The server that classifies images with the champion, the network with the lowest validation error."""
