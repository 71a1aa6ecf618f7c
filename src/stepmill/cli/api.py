"""`stepmill api`: the HTTP api alone."""

import asyncio

import typer

from stepmill import logs
from stepmill.app import build_authenticator, ensure_default_environment, open_api, open_platform
from stepmill.cli.failures import command
from stepmill.cli.options import DatabaseOption, DataDirOption, HostOption, JsonOption, PortOption, settings_of
from stepmill.cli.output import out, print_json
from stepmill.cli.supervision.database import require_url
from stepmill.cli.supervision.listening import listen, url_of
from stepmill.cli.supervision.server import serving
from stepmill.cli.supervision.signals import StopSignals
from stepmill.engine.migrate import require_current
from stepmill.settings import Settings

app = typer.Typer(add_completion=False)


@app.command()
@command
def api(
    host: HostOption = None,
    port: PortOption = None,
    database_url: DatabaseOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the HTTP api alone. Workers run beside it, on any number of machines, on the same database."""
    settings = settings_of(host=host, port=port, database_url=database_url, data_dir=data_dir)
    logs.configure(settings.log_level, settings.log_format)
    asyncio.run(_run(settings, as_json=as_json))


async def _run(settings: Settings, *, as_json: bool) -> None:
    token = settings.token.get_secret_value() if settings.token else None
    authenticator = build_authenticator(settings, token=token, session_secret=None)
    signals = StopSignals()
    url = require_url(settings)
    await require_current(url)
    with listen(settings.host, settings.port) as listener:
        async with open_platform(settings, url, name="api") as platform:
            await ensure_default_environment(platform)
            async with open_api(platform, authenticator) as app, serving(app, listener, signals):
                address = url_of(listener)
                if as_json:
                    print_json({"url": address})
                else:
                    out().print(f"The api is ready at [bold]{address}[/]")
                await signals.asked.wait()
