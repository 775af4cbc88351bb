"""All pages of the service."""

from fastapi import APIRouter

from loghi_runner.web.pages import entry, runs, start

router = APIRouter()
for part in (entry, runs, start):
    router.include_router(part.router)
