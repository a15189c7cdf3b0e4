"""Scraping engines, our own metrics, and logs."""
