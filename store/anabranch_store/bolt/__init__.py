"""The driver: transactions, values, errors.

Others use: `driver`, `driver_errors.driver_errors`, `parameters.as_given`, `parameters.in_utc`,
`product.Product`, `product.product_of`, `statements.statement`, `transactions`, `values.jsonable`,
`values.native`.
"""
