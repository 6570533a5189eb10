"""A European call option and its Greeks, by derivatives of the Black-Scholes formula (J. Political Economy 81, 1973).

The option of Hull's textbook (Options, Futures, and Other Derivatives, chapter 19): the stock stands at 49, the strike
is 50, the rate 5 %, the volatility 20 %, and twenty weeks are left.  It is worth 2.40; delta is 0.522, gamma 0.066,
theta -4.31 a year, vega 12.1 and rho 8.91.

    python examples/options.py
"""

from __future__ import annotations

import math

import derivant as dv
import numpy as np


def normal(x: float) -> float:
    """The distribution function of the standard normal distribution."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


@dv.jit
def call(spot: float, strike: float, rate: float, volatility: float, years: float) -> float:
    """The value of a call option without dividends."""
    spread = volatility * math.sqrt(years)
    d1 = (math.log(spot / strike) + (rate + 0.5 * volatility**2) * years) / spread
    return spot * normal(d1) - strike * math.exp(-rate * years) * normal(d1 - spread)


@dv.jit
def implied_volatility(price: float, spot: float, strike: float, rate: float, years: float) -> float:
    """The volatility at which the call is worth the price, by Newton's method; its steps differentiate as well."""
    volatility = 0.3
    for _ in range(20):
        error = call(spot, strike, rate, volatility, years) - price
        volatility -= error / dv.grad(call, argnums=3)(spot, strike, rate, volatility, years)
    return volatility


def greeks(*market: float) -> dict[str, float]:
    """All of them at once; theta is the change with the calendar, so against the time that is left."""
    value, (delta, rho, vega, decay) = dv.value_and_grad(call, argnums=(0, 2, 3, 4))(*market)
    gamma = dv.hessian(call)(*market)
    return {"value": value, "delta": delta, "gamma": gamma, "theta": -decay, "vega": vega, "rho": rho}


def main() -> None:
    market = (49.0, 50.0, 0.05, 0.2, 20 / 52)
    for name, number in greeks(*market).items():
        print(f"{name:6s} {number:9.4f}")
    # A strip of strikes in one call: a function of numbers lifts over arrays.
    strikes = np.array([45.0, 47.5, 50.0, 52.5, 55.0])
    print("strikes", strikes)
    print("values ", call(49.0, strikes, 0.05, 0.2, 20 / 52).round(4))
    # And back from a price to the volatility, with its sensitivity to the price: one over vega.
    price = call(*market)
    slope = dv.grad(implied_volatility)(price, 49.0, 50.0, 0.05, 20 / 52)
    print(f"implied volatility {implied_volatility(price, 49.0, 50.0, 0.05, 20 / 52):.6f}, {slope:.6f} more for each unit")


if __name__ == "__main__":
    main()
