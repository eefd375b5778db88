"""Models and who runs them: the same engine, providers and keys as the server's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from roundhouse.core.errors import ModelNotFound, NotFound
from roundhouse.studio.door import Door, Service, check_text
from roundhouse.studio.records import ConnectionTest, LLMModel, LLMProvider

if TYPE_CHECKING:
    from roundhouse.features.gateway.schemas import ModelRead, ProviderRead


class LLMService(Service):
    """Models. With nothing configured, the two models inside Roundhouse are there."""

    def __init__(
        self,
        data_dir: str | Path | None = None,
        *,
        config: str | Path | None = None,
        site_id: str = "default",
        door: Door | None = None,
    ) -> None:
        super().__init__(data_dir, config=config, site_id=site_id, door=door)
        self._active: str | None = None

    @property
    def active_id(self) -> str | None:
        """What `set_active_model` was told; None = the setting `chat.default_model` holds."""
        return self._active

    def list_models(self) -> list[LLMModel]:
        """Everything that can be asked, aliases first."""
        found = self._run(lambda chats: chats.models.every(self._caller()))
        return [self._model(one) for one in found]

    get_all_models = list_models

    def get_model(self, model_id: str) -> LLMModel | None:
        """A model by its id, or by its name alone; None = nobody knows it."""
        check_text(model_id, "model_id")
        try:
            return self._model(self._run(lambda chats: chats.models.get(self._caller(), model_id)))
        except ModelNotFound:
            return None

    def get_active_model(self) -> LLMModel | None:
        """The model that answers where neither question nor session names one; None = nobody knows it."""
        return self.get_model(self._active_name())

    def set_active_model(self, model_id: str) -> bool:
        """Let a model answer where neither question nor session names one; False = nobody knows it.

        It holds for this object. To keep it, and for the server, set `chat.default_model`.
        """
        if self.get_model(model_id) is None:
            return False
        self._active = model_id
        return True

    def set_alias(self, name: str, *model_ids: str) -> LLMModel:
        """Give models another name: the second answers where the first cannot, and so on. For the server as well.

        Raises:
            Unprocessable: A name is out of range.
            BadInput: It would stand for itself.
            Conflict: The name stands in the settings file.
        """
        from roundhouse.features.gateway.schemas import AliasCreate
        from roundhouse.studio.shaping import checked

        asked = checked(AliasCreate, {"name": name, "targets": list(model_ids)})
        self._run(lambda chats: chats.parts.providers.replace_alias(self._caller(), asked.name, asked))
        return LLMModel(
            id=asked.name, targets=list(asked.targets), is_active=asked.name == self._active_name()
        )

    def list_providers(self) -> list[LLMProvider]:
        """Who runs models, in order of preference."""
        return [
            _provider(one) for one in self._run(lambda chats: chats.parts.providers.every(self._caller()))
        ]

    get_all_providers = list_providers

    def get_provider(self, name: str) -> LLMProvider | None:
        """One of them; None = there is none."""
        check_text(name, "name")
        try:
            return _provider(self._run(lambda chats: chats.parts.providers.get(self._caller(), name)))
        except NotFound:
            return None

    def add_provider(
        self, name: str, kind: str, api_base_url: str, api_key: str | None = None
    ) -> LLMProvider:
        """Add somebody who runs models; for the server as well.

        Args:
            name: First part of the ids of its models.
            kind: `openai`, `ollama`, `vllm`, `anthropic`, `jina`, or a plugin's.
            api_base_url: Its address, with the `/v1` for `openai`.
            api_key: Kept encrypted, never told.

        Raises:
            Unprocessable: A value is out of range.
            BadInput: There is no such kind, or the address is none.
            Conflict: The name is taken.
        """
        from roundhouse.features.gateway.schemas import ProviderCreate
        from roundhouse.studio.shaping import checked, secret

        given = {"name": name, "kind": kind, "url": api_base_url, "key": secret(api_key, "api_key")}
        asked = checked(ProviderCreate, given)
        return _provider(self._run(lambda chats: chats.parts.providers.create(self._caller(), asked)))

    def remove_provider(self, name: str) -> bool:
        """Remove a provider; False = there is none.

        Raises:
            Conflict: It stands in the settings file, or is built in.
        """
        check_text(name, "name")
        try:
            self._run(lambda chats: chats.parts.providers.delete(self._caller(), name))
        except NotFound:
            return False
        return True

    def set_provider_api_key(self, provider_name: str, api_key: str) -> bool:
        """Keep another key for a provider, encrypted; False = there is no such provider.

        Raises:
            Conflict: It stands in the settings file, or is built in.
        """
        return self._change_key(provider_name, api_key)

    def remove_provider_api_key(self, provider_name: str) -> bool:
        """Forget the key of a provider; False = there is no such provider.

        Raises:
            Conflict: It stands in the settings file, or is built in.
        """
        return self._change_key(provider_name, None)

    def test_connection(self, provider_name: str) -> ConnectionTest:
        """Ask a provider for its models now.

        Raises:
            NotFound: There is no such provider.
        """
        check_text(provider_name, "provider_name")
        told = self._run(lambda chats: chats.parts.providers.test(self._caller(), provider_name))
        error = None if told.error is None else str(told.error["message"])
        return ConnectionTest(told.ok, told.latency_ms / 1000, told.models, error)

    test_provider_connection = test_connection

    def _active_name(self) -> str:
        return self._active or self._door.settings.chat.default_model

    def _change_key(self, provider_name: str, api_key: str | None) -> bool:
        from roundhouse.features.gateway.schemas import ProviderPatch
        from roundhouse.studio.shaping import checked, secret

        check_text(provider_name, "provider_name")
        asked = checked(ProviderPatch, {"key": secret(api_key, "api_key")})
        try:
            self._run(lambda chats: chats.parts.providers.update(self._caller(), provider_name, asked))
        except NotFound:
            return False
        return True

    def _model(self, one: ModelRead) -> LLMModel:
        active = self._active_name()
        return LLMModel(
            id=one.id,
            provider=one.provider,
            capabilities=list(one.operations),
            context_window=one.context_tokens,
            is_active=active in (one.id, one.id.partition("/")[2]),
            targets=list(one.targets or ()),
        )


def _provider(one: ProviderRead) -> LLMProvider:
    return LLMProvider(
        name=one.name,
        kind=one.kind,
        api_base_url=one.url,
        has_api_key=one.has_key,
        is_connected=one.state == "ok",
        error_message=None if one.state in ("ok", "not asked yet") else one.state,
        source=one.source,
    )
