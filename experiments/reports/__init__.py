"""Reports: tables, pages and sentences about records."""
