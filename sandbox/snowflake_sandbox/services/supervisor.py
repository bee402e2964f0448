"""The supervisor of job services: places instances on nodes, starts containers, and follows them to their end.

Knows threads and the order of writing and acting (store first, then processes), so that a kill loses nothing:
unfinished jobs are in the store, their left-over processes are ended, and their containers are started again. Must not
know SQL statements. machine.py has the rules of a job.
"""

from __future__ import annotations

import logging
import shutil
import sys
import threading
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.services import (
    containers,
    environment,
    events,
    images,
    launching,
    machine,
    mounts,
    node_sizes,
    records,
    spec,
)
from snowflake_sandbox.services.containers import ContainerProcess, Ended, Launch
from snowflake_sandbox.services.launching import Surroundings
from snowflake_sandbox.services.machine import Cancel, CannotStart, Demand, Exited, NodeLost, Placed, Restarted, Started
from snowflake_sandbox.services.registry import Registry
from snowflake_sandbox.statements.reader import ObjectName
from snowflake_sandbox.store import insist

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.services.machine import Event, Key, ServiceStep
    from snowflake_sandbox.services.records import Job

KEPT = timedelta(days=30)

_log = logging.getLogger("snowflake_sandbox.services")


class Supervisor:
    """All job services that have not ended, and the images that they run. One of the sandbox's parts."""

    def __init__(self, world: World) -> None:
        self.registry = Registry(world)
        self._world = world
        self._lock = threading.RLock()
        self._jobs: dict[int, Job] = {}
        self._nodes: dict[tuple[int, int], int] = {}
        self._pools: set[str] = set()
        self._processes: dict[tuple[int, Key], ContainerProcess] = {}
        # Containers whose end is not yet in the store: the store must stay open for them.
        self._unrecorded: set[ContainerProcess] = set()
        self._ended: dict[int, threading.Event] = {}
        self._stopping = threading.Event()

    # --- life --------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """End left-over processes of a killed sandbox, restart containers of unfinished jobs, remove old jobs."""
        with self._world.store.transaction() as tx:
            unfinished = records.unfinished(tx)
            # Containers of an earlier sandbox are gone or end now, so their tokens are removed.
            tx.run("DELETE FROM oauth_token WHERE service IS NOT NULL")
        for job, rows in unfinished:
            for row in rows:
                if row["pid"] is not None and row["status"] not in ("DONE", "FAILED"):
                    containers.end_leftover(row["pid"], row["identity"])
                # Removes its token and secrets, in case it is not started again.
                shutil.rmtree(self._root(job, (row["instance"], row["name"])), ignore_errors=True)
            with self._lock:
                self._jobs[job.object_id] = job
                self._ended[job.object_id] = threading.Event()
        for job, _ in unfinished:
            self._apply(job.object_id, Restarted())
        self._place()
        self.remove_old()

    def stop(self) -> None:
        """End all containers; their jobs continue at the next start."""
        with self._lock:
            self._stopping.set()
            running, unrecorded = list(self._processes.values()), list(self._unrecorded)
        for process in running:
            process.stop(grace=0)
        for process in unrecorded:
            process.join()

    def remove_old(self) -> None:
        """Remove the records of jobs that ended more than 30 days ago, as the platform does."""
        limit = (self._world.clock.now() - KEPT).isoformat()
        with self._world.store.transaction() as tx:
            rows = tx.rows("SELECT object_id FROM job_service WHERE completed < ?", limit)
            for row in rows:
                service = catalog.by_id(tx, row["object_id"])
                if service is not None:
                    catalog.delete(tx, service)
                tx.run("DELETE FROM container WHERE object_id = ?", row["object_id"])
                tx.run("DELETE FROM job_service WHERE object_id = ?", row["object_id"])
        for row in rows:
            shutil.rmtree(self.folder(row["object_id"]), ignore_errors=True)
            shutil.rmtree(self._world.folder / "events" / str(row["object_id"]), ignore_errors=True)

    # --- what statements ask for -------------------------------------------------------------------------------------

    def add(self, job: Job) -> None:
        """Add a job that was just written to the store; its containers start as soon as nodes have room."""
        with self._lock:
            self._jobs[job.object_id] = job
            self._ended[job.object_id] = threading.Event()
        self._place()

    def cancel(self, object_id: int) -> None:
        """Cancel a job and return at once. An ended job does not change."""
        self._apply(object_id, Cancel())
        self._place()

    def lose_node(self, pool: str, node: int | None) -> int:
        """Lose a node of a pool, by default the lowest in use; return how many instances were on it."""
        with self._lock:
            used = {key: number for key, number in self._nodes.items() if self._jobs[key[0]].pool == pool}
        lost = min(used.values(), default=None) if node is None else node
        return self._lose([key for key, number in used.items() if number == lost])

    def _lose(self, instances: list[tuple[int, int]]) -> int:
        for object_id, instance in instances:
            self._apply(object_id, NodeLost(instance))
        return len(instances)

    def ended(self, object_id: int) -> threading.Event:
        """Return an event that is set when the job has ended; it is already set for an unknown job."""
        with self._lock:
            event = self._ended.get(object_id)
        if event is None:
            event = threading.Event()
            event.set()
        return event

    def remove(self, object_id: int) -> None:
        """Cancel a dropped job and remove its log. Safe inside a transaction: acts only after that is written."""

        def act() -> None:
            self.cancel(object_id)
            self.ended(object_id).wait()
            shutil.rmtree(self.folder(object_id), ignore_errors=True)

        self._world.store.aside("drop service", act, self._stopping.is_set)

    # The next three methods are called inside transactions of statements, so they must not wait for this object's lock.

    def pool_usage(self, name: str) -> tuple[int, int, int]:
        """Return the numbers of services, running jobs and nodes in use of a compute pool."""
        with self._world.store.reading() as tx:
            return 0, *records.pool_usage(tx, name)

    def stop_pool(self, _call: Call, name: str) -> None:
        """Cancel all jobs of a pool (ALTER COMPUTE POOL … STOP ALL) and return at once."""
        with self._world.store.reading() as tx:
            jobs = records.unfinished_in(tx, name)
        for object_id in jobs:
            self._world.store.aside("stop pool", partial(self.cancel, object_id), self._stopping.is_set)

    def pool_changed(self) -> None:
        """Respond to a pool that was resumed or has more or fewer nodes than before. Return at once."""
        self._world.store.aside("fit", self._fit, self._stopping.is_set)

    def _fit(self) -> None:
        """Lose the nodes that a pool may no longer have, and place waiting instances."""
        with self._lock:
            instances = [(self._jobs[object_id].pool, object_id, number) for object_id, number in self._nodes]
        with self._world.store.reading() as tx:
            node_limits = {pool: records.most_nodes(tx, pool) for pool, *_ in instances}
        with self._lock:
            lost = [
                (object_id, number)
                for pool, object_id, number in instances
                if self._nodes.get((object_id, number), -1) >= node_limits[pool]
            ]
        self._lose(lost)
        self._place()

    def folder(self, object_id: int) -> Path:
        """Return the folder of a job's logs and files."""
        return self._world.folder / "services" / str(object_id)

    def log(self, object_id: int, key: Key) -> Path:
        """Return the path of a container's log."""
        return self.folder(object_id) / f"{key[0]}-{key[1]}.log"

    def events(self, object_id: int, key: Key) -> Path:
        """Return the file of a container's event-table lines, which is kept when the service is dropped."""
        return self._world.folder / "events" / str(object_id) / f"{key[0]}-{key[1]}.jsonl"

    # --- placement ---------------------------------------------------------------------------------------------------

    def _place(self) -> None:
        """Assign nodes to waiting instances, oldest job first, in every pool that has or had jobs."""
        with self._lock:
            self._pools |= {job.pool for job in self._jobs.values()}
            pools = [] if self._stopping.is_set() else sorted(self._pools)
        for pool in pools:
            insist(partial(self._place_in, pool), self._stopping.is_set)

    def _place_in(self, pool: str) -> None:
        with self._lock:
            placed = self._find_nodes(pool)
            self._nodes |= placed  # only after they are written; otherwise it is retried
        for object_id, instance in placed:
            insist(partial(self._apply, object_id, Placed(instance)), self._stopping.is_set)

    def _find_nodes(self, pool: str) -> dict[tuple[int, int], int]:
        jobs = [job for _, job in sorted(self._jobs.items()) if job.pool == pool]
        waiting = [
            (job, instance)
            for job in jobs
            for instance in sorted({number for number, _ in job.run.containers})
            if self._waits(job, instance)
        ]
        with self._world.store.transaction() as tx:
            pool_object = catalog.find(tx, "COMPUTE POOL", ObjectName(pool))
            if pool_object is None:
                return {}
            used = [
                (node, Demand(self._jobs[object_id].cpu, self._jobs[object_id].memory))
                for (object_id, _), node in self._nodes.items()
                if self._jobs[object_id].pool == pool
            ]
            demands = [Demand(job.cpu, job.memory) for job, _ in waiting]
            size = node_sizes.node_of(pool_object["instance_family"])
            load = machine.load(demands, used, pool_object["max_nodes"], size, has_jobs=bool(jobs))
            pool_now = self._world.parts["pools"].settle(tx, pool_object, load)
            nodes = machine.place(demands, used, 0 if pool_now.suspended else pool_now.ready, size)
            placed = {}
            for (job, instance), node in zip(waiting, nodes, strict=True):
                if node is not None:
                    records.write_node(tx, job, instance, node)
                    placed[job.object_id, instance] = node
        return placed

    def _waits(self, job: Job, instance: int) -> bool:
        return (job.object_id, instance) not in self._nodes and any(
            number == instance and container.status is machine.ContainerStatus.PENDING
            for (number, _), container in job.run.containers.items()
        )

    # --- moving jobs -------------------------------------------------------------------------------------------------

    def _apply(self, object_id: int, event: Event) -> None:
        """Apply an event to a job: store first, then memory, then processes."""
        with self._lock:
            job = self._jobs.get(object_id)
            if job is None or (self._stopping.is_set() and not isinstance(event, Restarted)):
                return
            step = machine.step(job.run, event)
            if step.run == job.run:
                return
            with self._world.store.transaction() as tx:
                records.write(tx, job, step, self._world.clock.now())
            job.run = step.run
            freed = self._free_nodes(job)
            self._act(job, step)
        if freed:
            self._place()

    def _free_nodes(self, job: Job) -> bool:
        """Release the nodes of instances whose containers have all ended; return False if there were none."""
        going = {
            instance
            for (instance, _), container in job.run.containers.items()
            if container.status not in (machine.ContainerStatus.DONE, machine.ContainerStatus.FAILED)
        }
        freed = [key for key in self._nodes if key[0] == job.object_id and key[1] not in going]
        for key in freed:
            del self._nodes[key]
        return bool(freed)

    def _act(self, job: Job, step: ServiceStep) -> None:
        for action in step.actions:
            if isinstance(action, machine.StartContainer):
                start = partial(self._start_container, job, action.key)
                self._world.store.aside("start container", start, self._stopping.is_set)
            elif isinstance(action, machine.StopContainer):
                process = self._processes.get((job.object_id, action.key))
                if process is not None:
                    process.stop(grace=0 if action.at_once else containers.GRACE_IN_SECONDS)
            else:
                self._jobs.pop(job.object_id, None)
                shutil.rmtree(mounts.volumes_folder(self._world, job.object_id), ignore_errors=True)
                event = self._ended.pop(job.object_id, None)
                if event is not None:
                    event.set()

    # --- containers --------------------------------------------------------------------------------------------------

    def _start_container(self, job: Job, key: Key) -> None:
        try:
            launch, token = self._prepare(job, key)
        except (images.ImageError, mounts.MountError) as error:
            self._give_up(job, key, str(error))
            return
        except Exception as error:  # noqa: BLE001  # logged, and the job fails with it
            # A defect or a full disk must fail the job, not leave it waiting for ever.
            _log.exception("container %s of service %s cannot be started", key[1], job.name)
            self._give_up(job, key, f"The sandbox could not start the container: {error}")
            return

        def on_start(pid: int, identity: str) -> None:
            def write() -> None:
                with self._world.store.transaction() as tx:
                    records.write_process(tx, job, key, (pid, identity), self._world.clock.now())
                self._apply(job.object_id, Started(key))

            insist(write, self._stopping.is_set)

        def on_end(ended: Ended) -> None:
            self._processes.pop((job.object_id, key), None)
            shutil.rmtree(self._root(job, key), ignore_errors=True)
            insist(lambda: logins.revoke_token(self._world, token), self._stopping.is_set)
            exited = Exited(key, ended.code, ended.out_of_memory)
            insist(lambda: self._apply(job.object_id, exited), self._stopping.is_set)
            with self._lock:
                self._unrecorded.discard(process)

        process = ContainerProcess(launch, on_start, on_end)
        with self._lock:
            status = job.run.containers[key].status
            if self._stopping.is_set():
                return
            self._processes[job.object_id, key] = process
            self._unrecorded.add(process)
            if status is not machine.ContainerStatus.PENDING:
                process.stop()
            process.start()

    def _give_up(self, job: Job, key: Key, reason: str) -> None:
        # Secrets and the token may have been laid out already.
        shutil.rmtree(self._root(job, key), ignore_errors=True)
        insist(lambda: self._apply(job.object_id, CannotStart(key, reason)), self._stopping.is_set)

    def _root(self, job: Job, key: Key) -> Path:
        return self.folder(job.object_id) / f"{key[0]}-{key[1]}"

    def _prepare(self, job: Job, key: Key) -> tuple[Launch, str]:
        """Lay out a container's files and return what to run, with the image's digest.

        Raises:
            ImageError: its image is not available, or has nothing to run.
            MountError: a secret or volume is not available.
        """
        parsed = spec.parse(job.specification)
        container = next(candidate for candidate in parsed.containers if candidate.name == key[1])
        image = self.registry.find(container.image)
        root = self._root(job, key)
        shutil.rmtree(root, ignore_errors=True)
        working_folder = images.lay_out(image, root)
        with self._world.store.transaction() as tx:
            records.write_digest(tx, job, key, image.digest)
        command = images.command_line(image, root, container.command, container.args, sys.executable)
        token, token_file = environment.write_token(self._world, job, root)
        try:
            surroundings = mounts.give(self._world, job, parsed, key, root)
        except BaseException:
            logins.revoke_token(self._world, token)
            raise
        replicas = 1 + max(number for number, _ in job.run.containers)
        variables = environment.variables(self._world, job, root, token_file)
        variables |= {"SNOWFLAKE_JOBS_COUNT": str(replicas), "SNOWFLAKE_JOB_INDEX": str(key[0])}
        variables |= {**image.env, **container.env, **surroundings.environment}
        launch = Launch(
            tuple(command),
            working_folder,
            environment.with_client_defaults(variables, image),
            self.log(job.object_id, key),
            container.memory_limit,
            events.Collector(self.events(job.object_id, key), self._world.clock.now, parsed.log_level),
            Surroundings(
                root / ".mounts",
                (*surroundings.mounts, (str(token_file.parent), environment.SESSION_FOLDER, False)),
                launching.hidden_folders(self._world.folder),
                (root, *(Path(source) for source, _, _ in surroundings.mounts)),
            ),
        )
        return launch, token
