"""Double auctions: bids and asks of many meet on a book."""
