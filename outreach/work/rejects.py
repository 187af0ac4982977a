"""The rows that an import refused, kept beside its file so that a person can mend and import them again.

Law: an earlier file is never overwritten; a row's cells are written as they were read, its number and reason in front.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from ..errors import InputError


class Rejects:
    """`people.rejects.csv`, or `people.rejects-2.csv` and so on; made when the first row is refused."""

    ending = ".csv"

    def __init__(
        self, file: Path, folders: Sequence[Path], headings: Sequence[str], delimiter: str, wanted: bool
    ) -> None:
        self.path: Path | None = None
        self._file, self._folders, self._headings = file, folders, headings
        self._delimiter, self._wanted = delimiter, wanted
        self._handle: TextIO | None = None
        self._writer: Any = None

    def add(self, row: int, reason: str, cells: Sequence[str]) -> None:
        """Set one row aside. Raises InputError where no file can be written."""
        if not self._wanted:
            return
        try:
            if self._handle is None:
                self._open()
            self.write(row, reason, cells)
        except OSError as wrong:
            raise self._cannot(wrong) from wrong

    def write(self, row: int, reason: str, cells: Sequence[str]) -> None:
        """One row of the file, which is open."""
        self._writer.writerow([row, reason, *cells])

    def close(self) -> None:
        """Finish the file."""
        if self._handle is not None:
            try:
                self._handle.close()
            except OSError as wrong:
                raise self._cannot(wrong) from wrong
            finally:
                self._handle = None

    def forget(self) -> None:
        """Take back all that was set aside: the file is read anew."""
        self.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            self.path = None

    def _open(self) -> None:
        wrong: OSError | None = None
        for folder in self._folders:
            try:
                self.path, self._handle = _new_file(folder, self._file.stem, self.ending)
                break
            except OSError as said:
                wrong = said
        if self._handle is None:
            raise wrong or OSError("there is no folder for it")
        self.begin(self._handle)

    def begin(self, handle: TextIO) -> None:
        """What stands before the first row."""
        self._writer = csv.writer(handle, delimiter=self._delimiter)
        self._writer.writerow(["reject_row", "reject_reason", *self._headings])

    def _cannot(self, wrong: OSError) -> InputError:
        return InputError(
            f"the refused rows cannot be written: {wrong.strerror or wrong}",
            file=self.path or self._file,
            remedy="Make room or give write access, then run the import again; what is imported is found unchanged.",
        )


class LineRejects(Rejects):
    """`mentions.rejects.jsonl`: each refused line with its number and reason, an object with both put in."""

    ending = ".jsonl"

    def __init__(self, file: Path, folders: Sequence[Path], wanted: bool) -> None:
        super().__init__(file, folders, (), ",", wanted)

    def begin(self, handle: TextIO) -> None:
        """Nothing stands before the first line."""
        self._lines = handle

    def write(self, row: int, reason: str, cells: Sequence[str]) -> None:
        """One line of the file."""
        line = cells[0] if cells else ""
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        named = value if isinstance(value, dict) else {"reject_line": line.rstrip("\r\n")}
        told = json.dumps({"reject_row": row, "reject_reason": reason, **named}, ensure_ascii=True)
        self._lines.write(told + "\n")


def _new_file(folder: Path, stem: str, ending: str) -> tuple[Path, TextIO]:
    stem = stem.removesuffix(".rejects")
    for number in range(1, 10_000):
        path = folder / f"{stem}.rejects{'' if number == 1 else f'-{number}'}{ending}"
        try:
            return path, path.open("x", encoding="utf-8-sig" if ending == ".csv" else "utf-8", newline="")
        except FileExistsError:
            continue
    raise OSError(f"{folder} holds ten thousand files of rejects")
