"""Our stacks: found by name and description, deleted, and what they leave behind removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from etl_daemon.adapters.aws import client, code, translated
from etl_daemon.core.teardown import BILLED, OURS, Resource, Stack
from etl_daemon.errors import SetupError

GRANT = (
    "cloudformation:ListStacks, ListStackResources, DescribeStacks and DeleteStack, and deleting what the stack made"
)
PENDING_DAYS = 7
"""How long a key can still be kept, at least; it costs nothing meanwhile."""

GOING = "PendingDeletion"
POLL_SECONDS = 5
_MISSING = {"NoSuchBucket", "404", "NotFoundException", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}


class Stacks:
    """Of one account and region. ``timeout_seconds`` bounds a call, ``patience_seconds`` the deletion of a stack."""

    def __init__(self, region: str | None, timeout_seconds: float, patience_seconds: float = 1_800) -> None:
        self._region = region
        self._timeout_seconds = timeout_seconds
        self._attempts = max(1, int(patience_seconds / POLL_SECONDS))

    def ours(self, prefix: str) -> list[Stack]:
        """Stacks that are called so and say that they are ours, the latest first; those deleted of late, too.

        Raises:
            TransientError, SetupError, ConfigError: as ``adapters.aws``.
        """
        with translated("CloudFormation", GRANT):
            pages = self._cloudformation.get_paginator("list_stacks").paginate()
            found = [each for page in pages for each in page["StackSummaries"]]
            named = [each for each in found if each["StackName"].startswith(prefix)]
            ours = [each for each in named if str(each.get("TemplateDescription", "")).startswith(OURS)]
            ours.sort(key=lambda each: each["CreationTime"], reverse=True)
            return [self._stack(each) for each in ours]

    def delete(self, stack: Stack) -> str:
        """Delete the stack, and wait until it is gone.

        Raises:
            SetupError: something in it cannot be deleted.
        """
        with translated(f"Stack {stack.name}", GRANT):
            self._cloudformation.delete_stack(StackName=stack.id)
            try:
                self._cloudformation.get_waiter("stack_delete_complete").wait(
                    StackName=stack.id, WaiterConfig={"Delay": POLL_SECONDS, "MaxAttempts": self._attempts}
                )
            except WaiterError as error:
                hint = (
                    f"aws cloudformation describe-stack-events --stack-name {stack.name} says why; then run this again"
                )
                raise SetupError(f"Stack {stack.name} was not deleted: {error}.", hint=hint) from error
        return "deleted"

    def remaining(self, resource: Resource) -> bool:
        """Whether something of a stack is still there, and not on its way out."""
        looking: Mapping[str, Callable[[str], bool]] = {
            "AWS::S3::Bucket": lambda name: bool(self._s3.head_bucket(Bucket=name)),
            "AWS::SQS::Queue": lambda url: bool(self._sqs.get_queue_attributes(QueueUrl=url)),
            "AWS::KMS::Key": lambda key: (
                self._kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] != "PendingDeletion"
            ),
        }
        with translated(f"{resource.type} {resource.id}", GRANT):
            return self._there(looking[resource.type], resource.id)

    def remove(self, resource: Resource) -> str:
        """Remove something that outlived its stack, with all that is in it.

        Raises:
            TransientError, SetupError: as ``adapters.aws``.
        """
        removing: Mapping[str, Callable[[str], str]] = {
            "AWS::S3::Bucket": self._remove_bucket,
            "AWS::SQS::Queue": self._remove_queue,
            "AWS::KMS::Key": self._remove_key,
        }
        with translated(f"{resource.type} {resource.id}", GRANT):
            return removing[resource.type](resource.id)

    def close(self) -> None:
        """Let go of connections."""
        for name in ("_cloudformation", "_s3", "_sqs", "_kms"):
            if name in self.__dict__:
                self.__dict__[name].close()

    def _stack(self, summary: Mapping[str, Any]) -> Stack:
        gone = summary["StackStatus"] == "DELETE_COMPLETE"
        try:
            resources = self._resources(summary["StackId"])
        except ClientError as error:
            if not gone or code(error) not in {*_MISSING, "ValidationError"}:
                raise
            resources = ()  # forgotten by now, and what was in it is gone
        return Stack(summary["StackName"], summary["StackId"], gone, resources)

    def _resources(self, stack: str) -> tuple[Resource, ...]:
        """What costs money even if it stays when its stack goes."""
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        return tuple(
            Resource(each["ResourceType"], each["PhysicalResourceId"])
            for page in pages
            for each in page["StackResourceSummaries"]
            if each.get("ResourceType") in BILLED and each.get("PhysicalResourceId")
        )

    def _there(self, look: Callable[[str], bool], name: str) -> bool:
        try:
            return look(name)
        except ClientError as error:
            if code(error) in _MISSING:
                return False
            raise

    def _remove_bucket(self, name: str) -> str:
        removed = 0
        for batch in self._versions(name):
            answer = self._s3.delete_objects(Bucket=name, Delete={"Objects": batch, "Quiet": True})
            if wrong := answer.get("Errors"):
                detail = (
                    f"{len(wrong)} objects of {name} were not deleted; {wrong[0].get('Key')}: {wrong[0].get('Code')}."
                )
                raise SetupError(detail, hint="grant s3:DeleteObject and s3:DeleteObjectVersion, then run this again")
            removed += len(batch)
        for page in self._s3.get_paginator("list_multipart_uploads").paginate(Bucket=name):
            for each in page.get("Uploads", ()):
                self._s3.abort_multipart_upload(Bucket=name, Key=each["Key"], UploadId=each["UploadId"])
        self._s3.delete_bucket(Bucket=name)
        return f"deleted, with {removed:,} objects and versions"

    def _versions(self, name: str) -> Iterator[list[dict[str, str]]]:
        for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=name):
            found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            if found:
                yield [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]

    def _remove_queue(self, url: str) -> str:
        self._sqs.delete_queue(QueueUrl=url)
        return "deleted"

    def _remove_key(self, key: str) -> str:
        self._kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=PENDING_DAYS)
        return f"will be deleted in {PENDING_DAYS} days, and costs nothing until then"

    @cached_property
    def _cloudformation(self) -> Any:
        return client("cloudformation", self._region, self._timeout_seconds)

    @cached_property
    def _s3(self) -> Any:
        return client("s3", self._region, self._timeout_seconds)

    @cached_property
    def _sqs(self) -> Any:
        return client("sqs", self._region, self._timeout_seconds)

    @cached_property
    def _kms(self) -> Any:
        return client("kms", self._region, self._timeout_seconds)
