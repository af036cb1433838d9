"""`watchkeep check` on 10,000 targets with an SLO each: a right configuration, and one whose every entry is wrong."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._output import Figure, report

TARGETS = 10_000
COMMAND = Path(sys.executable).with_name("watchkeep")
PEER = "import sys, yaml; print(len(yaml.load(open(sys.argv[1]), Loader=yaml.CSafeLoader)['probes']))"


def configuration(*, right: bool) -> str:
    """The YAML of so many probes and SLOs; a wrong one has a misspelt key and a reference to nothing in every entry."""
    url, probe = ("url", "target") if right else ("ulr", "tagret")
    probes = "".join(
        f"  - name: target-{index}\n"
        "    type: http\n"
        f"    {url}: http://10.0.{index // 256}.{index % 256}:8080/health\n"
        "    interval: 10s\n"
        "    timeout: 5s\n"
        '    expect: {status: [200], body: \'"status"\\s*:\\s*"UP"\'}\n'
        for index in range(TARGETS)
    )
    slos = "".join(
        f"  - name: slo-{index}\n"
        "    objective: 99.9%\n"
        "    window: 30d\n"
        f"    sli: {{probe: {probe}-{index}}}\n"
        f"    labels: {{service: service-{index}, customer: acme, environment: production}}\n"
        for index in range(TARGETS)
    )
    return f"probes:\n{probes}slos:\n{slos}"


def seconds(command: list[str], *, code: int, says: str) -> float:
    """How long a command takes from its start to its end. Fails where it ends otherwise than it should."""
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if done.returncode != code or says not in done.stdout + done.stderr:
        raise SystemExit(f"{command}: {done.returncode}: {(done.stdout + done.stderr)[:400]}")
    return took


def main() -> None:
    """Both configurations, and as a peer the parser of PyYAML alone on the right one."""
    with tempfile.TemporaryDirectory() as folder:
        right, wrong = Path(folder, "right.yaml"), Path(folder, "wrong.yaml")
        right.write_text(configuration(right=True), encoding="utf-8")
        wrong.write_text(configuration(right=False), encoding="utf-8")
        peer = seconds([sys.executable, "-c", PEER, str(right)], code=0, says=str(TARGETS))
        took = seconds([str(COMMAND), "check", "-c", str(right)], code=0, says=f"ok: {TARGETS} probes")
        refused = seconds([str(COMMAND), "check", "-c", str(wrong)], code=2, says="did you mean url?")
        size = right.stat().st_size
    report(
        "check",
        [
            Figure(name="check, all right", value=took, unit="s", under=10),
            Figure(name="check, every entry wrong", value=refused, unit="s", under=10),
            Figure(name="yaml.load of the same file, CSafeLoader", value=peer, unit="s"),
            Figure(name="check / yaml.load", value=took / peer, unit=""),
        ],
        {"targets": TARGETS, "SLOs": TARGETS, "file": f"{size / 1e6:.1f} MB"},
    )


if __name__ == "__main__":
    main()
