"""Orders, as whoever asks may place, see, cancel and push them: what the API and the web page both do."""

from dataclasses import dataclass
from typing import Any  # what a view takes has no narrower type

from loghi_runner.engines.setting import foreign_keys
from loghi_runner.errors import RunnerError, UsageError
from loghi_runner.orders import actions
from loghi_runner.orders.config import Role, ServiceConfig
from loghi_runner.orders.lookup import Lookup
from loghi_runner.orders.order_book import OrderBook, Orders, newest
from loghi_runner.orders.orders import CANCEL_MARK, PUSH_MARK, Order, OrderFolder, OrderState, PushState, Stage
from loghi_runner.orders.state import Credential, Vault
from loghi_runner.platform.access import checked_token, parse_origin
from loghi_runner.web.callers import Caller
from loghi_runner.web.problems import ServiceError
from loghi_runner.web.views import OrderPage, OrderSummary, OrderView, run_view


@dataclass(frozen=True)
class OrderAccess:
    """Orders, as a caller may see and make them. `caller.user` must be known."""

    config: ServiceConfig
    book: OrderBook
    lookup: Lookup
    vault: Vault

    def place(
        self, caller: Caller, action: actions.Action, parameters: actions.Parameters, key: str | None, token: str | None
    ) -> tuple[Order, bool]:
        """The order, and whether it is new.

        Raises:
            RunnerError: it names what is not there or not the caller's, or no more orders are accepted.
        """
        user = _user_of(caller)
        self._require_allowed(caller, user, parameters, has_token=token is not None)
        for name, message, _ in foreign_keys({"kind": self.config.engine.kind.value, **parameters.wished}):
            raise UsageError(
                "request.engine_key", f"engine.{name} {message}", where=f"engine.{name}", hint="Leave it out."
            )
        return self.book.place(
            key=key,
            user=user,
            client=caller.client,
            action=action,
            parameters=parameters.model_dump(mode="json", exclude_none=True),
            credential=self._credential(parameters.source, token),
        )

    def page(self, caller: Caller, limit: int, before: str | None) -> OrderPage:
        """What they may see, the newest first, or what was placed before that order. Raises RunnerError."""
        first = self.find(caller, before)[0] if before is not None else None
        found, has_older = newest(self._theirs(caller), limit, first)
        positions = {order_id: position for position, order_id in enumerate(self.book.queue(), start=1)}
        shown = [
            OrderSummary(**self._fields(order, self.book.state_of(order.id), positions.get(order.id)))
            for order in found
        ]
        return OrderPage(orders=shown, next=found[-1].id if has_older else None)

    def _theirs(self, caller: Caller) -> Orders:
        if caller.role is Role.ADMIN:
            return self.book.all()
        if caller.user is None:
            return self.book.of_client(caller.client)
        return self.book.of_user(caller.user)

    def view(self, order: Order) -> OrderView:
        """An order with its run."""
        state, run = self.book.state_of(order.id), self.book.folder(order.id).run()
        fields = self._fields(order, state, self._position(order, state))
        return OrderView(**fields, run=run_view(run) if run is not None else None)

    def summary(self, order: Order, state: OrderState | None = None) -> OrderSummary:
        """An order without its run; `state` is how it stands, where that was read already."""
        state = state or self.book.state_of(order.id)
        return OrderSummary(**self._fields(order, state, self._position(order, state)))

    def _fields(self, order: Order, state: OrderState, position: int | None) -> dict[str, Any]:
        """All that is known of an order but its run; a view takes what it names."""
        is_cancelling = not state.stage.is_over and self.book.folder(order.id).has_mark(CANCEL_MARK)
        told = {"name": order.name, "position": position, "since": state.since or None, "is_cancelling": is_cancelling}
        return {**dict(order), **dict(state), **told}

    def _position(self, order: Order, state: OrderState) -> int | None:
        if state.stage is not Stage.QUEUED:
            return None  # asked for every follower: no need to look at the queue
        queue = self.book.queue()
        return queue.index(order.id) + 1 if order.id in queue else None

    def find(self, caller: Caller, order_id: str) -> tuple[Order, OrderFolder]:
        """An order of theirs.

        Raises:
            RunnerError: there is none, or its document is no longer theirs; that it is somebody else's is not told.
        """
        order, folder = self._find(caller, order_id)
        _require_still_theirs(caller, order, is_new=False)
        return order, folder

    def _find(self, caller: Caller, order_id: str) -> tuple[Order, OrderFolder]:
        order = self.book.find(order_id)
        if order is None or not _may_see(caller, order):
            raise ServiceError(
                "order.unknown", "there is no such order", hint="GET api/v1/orders lists those that you may see."
            )
        return order, self.book.folder(order_id)

    def cancel(self, caller: Caller, order_id: str) -> Order:
        """Ask the worker to end it; what is over stays as it is."""
        # to stop what is one's own nobody needs the document
        order, folder = self._find(caller, order_id)
        if not folder.read_state().stage.is_over:
            folder.mark(CANCEL_MARK)
        return order

    def push_again(self, caller: Caller, order_id: str, token: str | None) -> Order:
        """Ask the worker to write parked results to the platform. Raises RunnerError where nothing is parked."""
        order, folder = self.find(caller, order_id)
        _require_still_theirs(caller, order, is_new=True)
        if folder.read_state().pushed is not PushState.PARKED:
            raise ServiceError(
                "order.not_parked",
                "this order has no results that wait for the platform",
                hint="They are parked only when the platform could not take them.",
            )
        credential = self._credential(order.asked.source, token)
        if credential is not None:
            self.vault.keep(folder.path, order.id, credential)
        folder.mark(PUSH_MARK)
        return order

    def _credential(self, source: object, token: str | None) -> Credential | None:
        if token is None:
            return None
        if not isinstance(source, actions.PlatformPages):
            raise ServiceError("request.needless_token", "a platform's token was sent, but the pages are in a folder")
        url = self.lookup.platform(source.platform).url
        return Credential(checked_token(token, "platform_token"), parse_origin(url).base)

    def _require_allowed(self, caller: Caller, user: str, asked: actions.Parameters, *, has_token: bool) -> None:
        source = asked.source
        if isinstance(source, actions.FolderSource):
            if caller.platform is not None:
                raise _forbidden("the button of a platform opens its documents, not the service's folders")
            self.lookup.pages.find(source.pages)
        else:
            platform = self.lookup.platform(source.platform)
            if not has_token:
                self._require_document(caller, source)
                if platform.token_file is None:
                    raise ServiceError(
                        "request.token_needed",
                        f"the service has no account of its own on {source.platform}",
                        where="platform_token",
                        hint="Send your own token of the platform with the order.",
                    )
        if isinstance(asked, actions.FinetuneParameters):
            self.lookup.find_base_model(asked.base_model)
        elif isinstance(asked, (actions.RecognizeParameters, actions.EvaluateParameters)):
            self.lookup.find_model(asked.model, user)

    def _require_document(self, caller: Caller, source: actions.PlatformPages) -> None:
        """The service's account reads what its users have shared with it: each may name only what is theirs."""
        if caller.role is Role.ADMIN:
            return
        if caller.platform == source.platform and caller.visit is not None:
            _require_theirs(caller, source, is_new=True)
            return
        client = self.config.client(caller.client) if caller.platform is None else None
        if client is not None and client.role is Role.PLATFORM and source.platform in client.platforms:
            return
        raise _forbidden("whether this document is yours is not known here")


def _require_still_theirs(caller: Caller, order: Order, *, is_new: bool) -> None:
    if caller.visit is not None:  # only then is what was asked read again: that takes longer than all else
        _require_theirs(caller, order.asked.source, is_new=is_new)


def _require_theirs(caller: Caller, source: object, *, is_new: bool) -> None:
    """Whom a platform let in has it say again, with each order, that it is them and the document theirs."""
    if caller.visit is None or not isinstance(source, actions.PlatformPages) or source.platform != caller.platform:
        return
    if is_new:
        caller.visit.require_user(caller.name_there, is_new=True)
    caller.visit.require_document(source.document, is_new=is_new)


def _user_of(caller: Caller) -> str:
    if caller.user is None:
        raise ServiceError(
            "request.no_user",
            "a platform must say for which of its users it asks",
            where="Loghi-User",
            hint="Send the user's name in the header Loghi-User.",
        )
    return caller.user


def _may_see(caller: Caller, order: Order) -> bool:
    if caller.role is Role.ADMIN:
        return True
    if caller.role is Role.PLATFORM and caller.user is None:
        return order.client == caller.client
    return order.user == caller.user


def _forbidden(why: str) -> RunnerError:
    return ServiceError(
        "request.forbidden",
        why,
        where="source",
        hint="Open the document on the platform and press the button there, or send your own token of the platform.",
    )
