"""Executes compiled pipelines on this machine; kfp is not imported.

What a run is: a folder ``<root>/<pipeline>-<time>`` with one folder per step, ``<step>/log.txt`` and ``<step>/out/``,
and ``summary.json``. A loop's steps lie in ``<loop>/<index>/<step>``, a nested pipeline's in ``<pipeline>/<step>``;
the groups that ``dsl.If`` and ``dsl.ExitHandler`` make have no folder of their own.

What KFP's run-time placeholders say here:

==================================  =========================================================
``{{$.pipeline_root}}``             the run's folder, absolute
``{{$.pipeline_job_name}}``         the run's name, the last part of its folder
``{{$.pipeline_job_resource_name}}``  the same
``{{$.pipeline_job_uuid}}``         a UUID made from the run's folder (version 5)
``{{$.pipeline_task_name}}``        the step's name, without loops or groups
``{{$.pipeline_task_uuid}}``        a UUID made from the run's and the step's folder
``{{$.pipeline_job_create_time_utc}}``, ``…_schedule_time_utc``  when the run started, RFC 3339
==================================  =========================================================

A failed step fails the run; what does not depend on it still runs. On Ctrl-C or SIGTERM no step is begun any more, the
running ones are stopped, and exit handlers still run, with a time limit: they are what takes servers down. A second
Ctrl-C kills those too.
"""
