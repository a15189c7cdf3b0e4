"""Tests of Quartermaster: one folder per room of the product, plus the laboratory they stand on."""
