"""Drives Nova's report client, the code of Nova that talks to Placement.

    python3 nova_report.py URL

It says "half way" on its output when the cluster's leader may be killed, and
goes on at the next line of its input. Exit codes: 1 when a check failed, 3 when
Nova is not installed.
"""

import logging
import sys
import tempfile
import uuid

try:
    import nova.monkey_patch  # noqa: F401  first, as Nova's own programs do
    from nova import conf, context, exception, objects
    from nova.scheduler import utils
    from nova.scheduler.client import report
except ImportError as error:
    print(f"needs the package python3-nova: {error}", file=sys.stderr)
    sys.exit(3)


def same(what, got, want):
    if got != want:
        raise SystemExit(f"{what}: {got!r}, want {want!r}")


def refused(what, error, call, *args, **named):
    try:
        call(*args, **named)
    except error:
        return
    raise SystemExit(f"{what} was not refused")


def inventory(total, **more):
    return {"total": total, "reserved": 0, "min_unit": 1, "max_unit": total, "step_size": 1,
            "allocation_ratio": 1.0, **more}


def new_client(url):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(f"[placement]\nauth_type = admin_token\nendpoint = {url}\ntoken = admin\n")
        file.flush()
        conf.CONF(["--config-file", file.name], project="nova")
    return report.SchedulerReportClient()


class Story:
    """A compute host that is reshaped into NUMA nodes, and its instances."""

    def __init__(self, url):
        self.url = url
        self.ctx = context.get_admin_context()
        self.client = new_client(url)
        self.host, self.shared = str(uuid.uuid4()), str(uuid.uuid4())
        self.aggregate, self.project, self.user = (str(uuid.uuid4()) for _ in range(3))
        self.instance, self.migration = str(uuid.uuid4()), str(uuid.uuid4())

    def tree(self):
        return self.client.get_provider_tree_and_ensure_root(self.ctx, self.host, name="host")

    def update(self, tree, allocations=None):
        self.client.update_from_provider_tree(self.ctx, tree, allocations=allocations)

    def reports(self):
        tree = self.tree()
        same("new host", tree.data(self.host).name, "host")
        tree.update_inventory(self.host, {
            "VCPU": inventory(16, allocation_ratio=2.0), "MEMORY_MB": inventory(4096, reserved=512),
            "CUSTOM_DEVICE": inventory(2)})
        tree.update_traits(self.host, ["HW_CPU_X86_AVX", "CUSTOM_FAST"])
        tree.update_aggregates(self.host, [self.aggregate])
        tree.new_root("shared disk", self.shared)
        tree.update_inventory(self.shared, {"DISK_GB": inventory(1000)})
        tree.update_traits(self.shared, ["MISC_SHARES_VIA_AGGREGATE"])
        tree.update_aggregates(self.shared, [self.aggregate])
        self.update(tree)
        # What another client reads.
        late = new_client(self.url)
        stale = late.get_provider_tree_and_ensure_root(self.ctx, self.host)
        for provider in (self.host, self.shared):
            read, written = stale.data(provider), tree.data(provider)
            same("inventory", read.inventory, written.inventory)
            same("traits", read.traits, written.traits)
            same("aggregates", read.aggregates, written.aggregates)
        # A report made from an old view.
        tree.update_traits(self.host, ["HW_CPU_X86_AVX"])
        self.update(tree)
        stale.update_traits(self.host, ["CUSTOM_FAST"])
        refused("an old generation", exception.ResourceProviderUpdateConflict,
                late.update_from_provider_tree, self.ctx, stale)

    def mirrors(self):
        another = str(uuid.uuid4())
        self.client.aggregate_add_host(self.ctx, another, host_name="host")
        same("aggregates", self.client._get_provider_aggregates(self.ctx, self.host).aggregates,
             {self.aggregate, another})
        self.client.aggregate_remove_host(self.ctx, another, "host")
        same("aggregates", self.client._get_provider_aggregates(self.ctx, self.host).aggregates,
             {self.aggregate})

    def candidates(self, **resources):
        request = utils.ResourceRequest()
        request.get_request_group(None).resources = resources
        return self.client.get_allocation_candidates(self.ctx, request)

    def claims(self):
        requests, summaries, version = self.candidates(VCPU=2, MEMORY_MB=512, DISK_GB=10)
        same("candidates", [r["allocations"] for r in requests], [{
            self.host: {"resources": {"VCPU": 2, "MEMORY_MB": 512}},
            self.shared: {"resources": {"DISK_GB": 10}}}])
        same("summaries", set(summaries), {self.host, self.shared})
        same("claim", self.client.claim_resources(
            self.ctx, self.instance, requests[0], self.project, self.user, version), True)
        same("no room", self.candidates(VCPU=17), ([], {}, version))
        over = {"allocations": {self.host: {"resources": {"CUSTOM_DEVICE": 3}}}}
        same("claim of too much", self.client.claim_resources(
            self.ctx, str(uuid.uuid4()), over, self.project, self.user, version), False)
        refused("a claim of a consumer taken for new", exception.AllocationUpdateFailed,
                self.client.put_allocations, self.ctx, self.instance, {
                    "allocations": requests[0]["allocations"], "project_id": self.project,
                    "user_id": self.user, "consumer_generation": None})
        used = self.client.get_usages_counts_for_limits(self.ctx, self.project)
        same("usages", used, {"VCPU": 2, "MEMORY_MB": 512, "DISK_GB": 10})
        self.client.clear_provider_cache()  # the claim made the host's generation another
        tree = self.tree()
        tree.update_inventory(self.host, {"VCPU": inventory(16)})
        refused("removal of an inventory in use", exception.InventoryInUse, self.update, tree)
        self.client.clear_provider_cache()

    def reshapes(self):
        """Moves all of the host, and what the instance has there, to a child."""
        tree = self.tree()
        numa = str(uuid.uuid4())
        tree.new_child("numa0", self.host, uuid=numa)
        tree.update_inventory(numa, tree.data(self.host).inventory)
        tree.update_inventory(self.host, {})
        allocations = {self.instance: self.client.get_allocs_for_consumer(self.ctx, self.instance)}
        moved = allocations[self.instance]["allocations"]
        moved[numa] = moved.pop(self.host)
        self.update(tree, allocations)
        found = self.client.get_allocations_for_consumer(self.ctx, self.instance)
        same("reshaped", {p: a["resources"] for p, a in found.items()}, {
            numa: {"VCPU": 2, "MEMORY_MB": 512}, self.shared: {"DISK_GB": 10}})
        same("inventory of the child", set(self.tree().data(numa).inventory), {"VCPU", "MEMORY_MB", "CUSTOM_DEVICE"})
        return numa

    def moves(self, numa):
        more = {numa: {"resources": {"CUSTOM_DEVICE": 1}}}
        self.client.add_resources_to_instance_allocation(self.ctx, self.instance, more)
        found = self.client.get_allocations_for_consumer(self.ctx, self.instance)
        same("added", found[numa]["resources"], {"VCPU": 2, "MEMORY_MB": 512, "CUSTOM_DEVICE": 1})
        self.client.remove_resources_from_instance_allocation(self.ctx, self.instance, more)
        same("move", self.client.move_allocations(self.ctx, self.instance, self.migration), True)
        same("source", self.client.get_allocations_for_consumer(self.ctx, self.instance), {})
        holders = self.client.get_allocations_for_resource_provider(self.ctx, numa).allocations
        same("target", {c: a["resources"] for c, a in holders.items()}, {
            self.migration: {"VCPU": 2, "MEMORY_MB": 512}})

    def removes(self, numa):
        refused("removal of a provider in use", exception.ResourceProviderInUse,
                self.client._delete_provider, numa)
        for force in (False, True):
            same("delete", self.client.delete_allocation_for_instance(
                self.ctx, self.migration, "migration", force=force), not force)
        for provider in (numa, self.host, self.shared):
            self.client._delete_provider(provider)
        same("left", self.client.get("/resource_providers").json(), {"resource_providers": []})


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    logging.getLogger("nova").setLevel(logging.CRITICAL)  # it logs each refusal
    objects.register_all()
    story = Story(sys.argv[1])
    story.reports()
    story.mirrors()
    print("half way", flush=True)
    sys.stdin.readline()
    story.claims()
    numa = story.reshapes()
    story.moves(numa)
    story.removes(numa)


main()
