"""Any JAX function opened into its operations: every value, every adjoint, the first NaN."""
