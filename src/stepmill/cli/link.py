"""`stepmill link`: a new link to sign a browser in."""

import typer

from stepmill.app import build_authenticator, session_secret
from stepmill.cli.failures import command
from stepmill.cli.instance import running_server
from stepmill.cli.options import DataDirOption, JsonOption, settings_of
from stepmill.cli.output import print_json
from stepmill.errors import UnavailableError

app = typer.Typer(add_completion=False)


@app.command()
@command
def link(data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Print a new link that signs a browser in to the server that runs on a data folder. It works once."""
    settings = settings_of(data_dir=data_dir)
    note = running_server(settings.data_dir)
    if note is None:
        raise UnavailableError("server_unreachable", f"No server of this user runs on {settings.data_dir}.")
    secret = session_secret(settings.data_dir)
    code = build_authenticator(settings, token=None, session_secret=secret).issue_login_code()
    address = f"{note.url}/login?code={code}"
    if as_json:
        print_json({"link": address})
    else:
        typer.echo(address)
