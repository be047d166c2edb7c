"""A user's own data: files, folders of images, and what a function of the user's returns."""
