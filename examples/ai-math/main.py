"""AI Math: a small module that works out arithmetic, and never runs what it is given.

pip install fastapi uvicorn && python main.py
"""

import ast
import math
import operator
from collections.abc import Callable
from typing import Annotated, Literal

import uvicorn
from fastapi import Body, FastAPI, HTTPException, Path
from pydantic import BaseModel, Field

MOST_DIGITS = 400
OPERATORS: dict[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
FUNCTIONS: dict[str, Callable[..., float]] = {"sqrt": math.sqrt, "abs": abs, "round": round}
CONSTANTS = {"pi": math.pi, "e": math.e, "tau": math.tau}

app = FastAPI(title="AI Math", version="1.0.0", description="Works out arithmetic.")


class Problem(BaseModel):
    """What is to be worked out."""

    expression: str = Field(
        description="Arithmetic: + - * / // % **, sqrt, pi.", max_length=200, examples=["2+3"]
    )
    digits: int = Field(10, description="Digits behind the point.", ge=0, le=15)


class Solution(BaseModel):
    """What came out."""

    expression: str
    value: float
    text: str = Field(description="The value in a sentence.")
    confidence: float = Field(1.0, ge=0, le=1)


class Constant(BaseModel):
    """A number with a name."""

    name: str
    value: float


EXAMPLES = {
    "sum": {"summary": "Một phép cộng", "value": {"expression": "2+3"}},
    "nested": {"summary": "括号里的先算", "value": {"expression": "(1 + 2) * 3 - 4 / 8", "digits": 2}},
    "root": {"summary": "שורש ריבועי", "value": {"expression": "sqrt(2)", "digits": 4}},
}


@app.post("/solve", operation_id="solve", tags=["math"])
def solve(problem: Annotated[Problem, Body(openapi_examples=EXAMPLES)]) -> Solution:
    """Work out an expression.

    What is no arithmetic is refused; nothing of it is ever run.
    """
    try:
        value = round(evaluate(ast.parse(problem.expression.strip(), mode="eval").body), problem.digits)
    except (SyntaxError, ValueError, TypeError, ArithmeticError, RecursionError, MemoryError) as error:
        raise HTTPException(422, f"Not arithmetic: {error}") from None
    return Solution(expression=problem.expression, value=value, text=f"{problem.expression} = {value:g}")


@app.get("/constants/{name}", operation_id="constant", tags=["math"])
def constant(name: Annotated[Literal["pi", "e", "tau"], Path(examples=["pi"])]) -> Constant:
    """The value of a constant."""
    return Constant(name=name, value=CONSTANTS[name])


def evaluate(node: ast.AST) -> float:
    """The value of an expression; raises ValueError for what is no arithmetic."""
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value
    if isinstance(node, ast.Name) and node.id in CONSTANTS:
        return CONSTANTS[node.id]
    if isinstance(node, ast.UnaryOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](evaluate(node.operand))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
        return FUNCTIONS[node.func.id](*map(evaluate, node.args))
    if not isinstance(node, ast.BinOp) or type(node.op) not in OPERATORS:
        raise ValueError("only numbers, operators and sqrt, abs, round are known")
    left, right = evaluate(node.left), evaluate(node.right)
    if isinstance(node.op, ast.Pow) and left and right * math.log10(abs(left)) > MOST_DIGITS:
        raise ValueError("the result would be too long")
    return OPERATORS[type(node.op)](left, right)


if __name__ == "__main__":
    uvicorn.run(app, port=8044)
