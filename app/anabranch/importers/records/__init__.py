"""Records of other tools in one neutral model: values, lines of talk, trees and families.

Others use: `chains.END`, `chains.Node`, `chains.lines_of`, `families`, `model`, `spans`, `values`.
"""
