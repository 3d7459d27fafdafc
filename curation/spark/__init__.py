"""The thin shell that runs the stages on Spark: the only code here that imports pyspark."""
