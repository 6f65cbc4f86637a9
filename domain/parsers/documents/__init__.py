"""Documents and workbooks: what is in their bytes, and the records that it makes."""
