"""Program to program: strategies, rules, differentiation, simplification."""
