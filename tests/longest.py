"""Which files of tests take longest, so that they are begun first: at a suite's end no worker shall work on alone."""

LONGEST = (
    # dev
    "pipelines/test_argo_story.py",
    "pipelines/test_story.py",
    "pipelines/test_image_layers.py",
    "hostile/test_runner_kills.py",
    "pipelines/test_argo_pipelines.py",
    # analysis
    "clarify/test_shapley_accuracy.py",
    "storage/test_s3.py",
    "monitor/test_check.py",
    "monitor/test_rules.py",
    "clarify/test_predictors.py",
    "report/test_detection_hostile.py",
    "report/test_page.py",
    "report/test_story.py",
    "capture/test_crashes.py",
    "capture/test_writer.py",
    # torch
    "serve/test_tensors.py",
    "fullgrad/test_stages.py",
    "fine_tune/test_stage.py",
    "adversarial/test_stage.py",
    "serve/test_sink.py",
    "serve/test_deploy.py",
    "fullgrad/test_completeness.py",
    "serve/test_signed_models.py",
    # hostile
    "hostile/test_fuzz.py",
    "hostile/test_stage_arguments.py",
    "hostile/test_stage_inputs.py",
    "hostile/test_deploy_kills.py",
    "hostile/test_stage_kills.py",
    "hostile/test_redirects.py",
    "hostile/test_schemathesis.py",
    "hostile/test_faults.py",
    "hostile/test_windows.py",
    # detector
    "detector/test_detector_training.py",
    "detector/test_detector_seeds.py",
    "detector/test_pretrained.py",
)
"""Below ``tests/``, those of a suite from the longest to the shorter ones."""
