"""Facts about accelerators, engines, models and regions, each with its source and date. No decisions live here."""
