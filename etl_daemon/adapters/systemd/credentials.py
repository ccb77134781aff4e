"""Secrets that systemd hands to the service: ``LoadCredential=`` and ``SetCredentialEncrypted=`` of systemd.exec(5)."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from etl_daemon.core.secret import Secret, Secrets, decoded, named, parsed
from etl_daemon.errors import SecretMissingError, SetupError


class CredentialStore:
    """A file for each credential, in ``folder``, which is that of CREDENTIALS_DIRECTORY; None: there is none."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def get(self, name: str) -> Secrets:
        """As the port says: the credential of that name, JSON or one text; else all those named ``name_...``.

        ``LoadCredential=name:/folder/`` makes such names.
        """
        place = f"credential {name}"
        files = self._files()
        if name in files:
            return parsed(_text(files[name]), place)
        begun = f"{name}_"
        found = [(each[len(begun) :], _text(file)) for each, file in files.items() if each.startswith(begun)]
        if not found:
            hint = f"LoadCredential={name}:/FILE in a drop-in of the unit, then restart it"
            raise SecretMissingError(f"systemd gave this process no credential {name}.", hint=hint)
        return named(found, place)

    def texts(self, names: Collection[str]) -> Secrets:
        """The whole text of those that are there.

        Raises:
            SetupError: one cannot be read.
        """
        return {name: Secret(_text(file)) for name, file in self._files().items() if name in names}

    def close(self) -> None:
        """Nothing is kept open."""

    def _files(self) -> dict[str, Path]:
        try:
            return {file.name: file for file in sorted(self._folder.iterdir())} if self._folder else {}
        except OSError as error:
            raise _unreadable(error) from error


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise _unreadable(error) from error
    return decoded(content, f"The credential {file.name}").removesuffix("\n")


def _unreadable(error: OSError) -> SetupError:
    return SetupError(f"A credential cannot be read: {error}.", hint="let the user of this process read it")
