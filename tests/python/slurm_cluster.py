"""A SLURM cluster on this machine, for tests: slurmctld and a slurmd for each node, all below one folder.

Nothing of the system's own SLURM, if there is one, is used or changed: configuration, state, logs and ports are the
cluster's own, and it ends with the `with` block. The folder has a short name, for SLURM's sockets lie in it, and the names of
sockets have 107 bytes at most: of a task whose socket has a longer one, SLURM says nothing but that it is tried again later.
"""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

N_NODES = 3
CPUS_PER_NODE = 4
PROGRAMS = ["slurmctld", "slurmd", "sbatch", "scancel", "scontrol", "sinfo", "squeue"]
START_SECONDS = 30

CONFIGURATION = """
ClusterName=verglas-test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
# The nodes are to have more processors and memory than this machine may.
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
{nodes}
PartitionName=batch Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing():
    """Why there can be no cluster; None if there can."""
    lacking = [program for program in PROGRAMS if not shutil.which(program, path=search_path())]
    if lacking:
        return f"SLURM is not installed (no {', '.join(lacking)}; Debian's package is slurm-wlm)"
    return None


def search_path():
    """Daemons are often outside of a user's own path."""
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def free_ports(count):
    """Ports that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def slurm_cluster():
    """Starts the cluster; gives the environment in which SLURM's commands talk to it."""
    with tempfile.TemporaryDirectory(prefix="slurm", dir="/tmp") as folder, running(Path(folder)) as environment:
        yield environment


@contextlib.contextmanager
def running(folder):
    """The same in an empty folder."""
    host = socket.gethostname().split(".")[0]
    controller_port, *ports = free_ports(1 + N_NODES)
    nodes = "\n".join(
        f"NodeName=node{n} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={CPUS_PER_NODE} RealMemory=16000"
        for n, port in enumerate(ports, 1)
    )
    (folder / "state").mkdir(parents=True)
    configuration = folder / "slurm.conf"
    configuration.write_text(
        CONFIGURATION.format(
            host=host, controller_port=controller_port, user=getpass.getuser(), folder=folder, nodes=nodes
        )
    )
    environment = os.environ | {"SLURM_CONF": str(configuration), "PATH": search_path()}
    daemons = []

    def start(*command):
        log = (folder / "started.log").open("a")
        daemons.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))

    try:
        start("slurmctld", "-D", "-f", str(configuration))
        for n in range(1, N_NODES + 1):
            start("slurmd", "-D", "-N", f"node{n}", "-f", str(configuration))
        wait_for_nodes(environment, folder)
        yield environment
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(["scancel", "--user", getpass.getuser()], env=environment, timeout=10, capture_output=True)
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


def wait_for_nodes(environment, folder):
    """Waits until every node takes jobs."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        listed = subprocess.run(
            ["sinfo", "--noheader", "--Node", "--format=%N %t"], env=environment, capture_output=True, text=True
        )
        if listed.stdout.split().count("idle") == N_NODES:
            return
        time.sleep(0.2)
    logs = "\n".join(path.read_text()[-2000:] for path in sorted(folder.glob("*.log")))
    raise RuntimeError(f"SLURM did not start within {START_SECONDS} s: {listed.stdout}{listed.stderr}\n{logs}")
