"""Adapters over onnx."""
