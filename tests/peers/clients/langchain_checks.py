"""What code written for LangChain does when the product is its OpenAI endpoint."""

from importlib.metadata import version

from checking import raised, run
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from openai import NotFoundError
from pydantic import BaseModel


class Sum(BaseModel):
    """A sum."""

    total: int


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"31 °C in {city}"


def chat(house, model="talk/m", **options):
    return ChatOpenAI(model=model, base_url=house.url, api_key=house.key, max_retries=0, **options)


def check_invoke(house):
    answer = chat(house).invoke("Hello there.")
    assert answer.content == "You said: Hello there."
    assert answer.usage_metadata["output_tokens"] == 4


def check_stream(house):
    pieces = list(chat(house, stream_usage=True).stream("Hello there."))
    whole = pieces[0]
    for piece in pieces[1:]:
        whole += piece
    assert whole.content == "You said: Hello there."
    assert whole.usage_metadata["output_tokens"] == 4


def check_tools(house):
    model = chat(house).bind_tools([weather])
    asked = HumanMessage("The weather?")
    called = model.invoke([asked])
    (call,) = called.tool_calls
    assert call["args"] == {"city": "Hanoi"}
    told = ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])
    assert model.invoke([asked, called, told]).content == "You said: 31 °C in Hanoi"


def check_structured_output(house):
    assert chat(house, "form/m").with_structured_output(Sum).invoke("2+2?") == Sum(total=4)


def check_the_responses_api(house):
    answer = chat(house, use_responses_api=True).invoke("Hello there.")
    assert answer.text == "You said: Hello there."


def check_embeddings(house):
    made = OpenAIEmbeddings(
        model="roundhouse/minilm", base_url=house.url, api_key=house.key, check_embedding_ctx_length=False
    )
    assert [len(vector) for vector in made.embed_documents(["a cat", "tax law"])] == [384, 384]


def check_errors(house):
    assert raised(NotFoundError, chat(house, "nobody/nothing").invoke, "Hello.").code == "model_not_found"


async def check_asynchronous(house):
    assert (await chat(house).ainvoke("Hello there.")).content == "You said: Hello there."
    assert [piece async for piece in chat(house).astream("Hello there.")]


if __name__ == "__main__":
    run(globals(), version("langchain-openai"))
