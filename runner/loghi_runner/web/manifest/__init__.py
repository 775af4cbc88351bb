"""plugin_manifest.yaml: what a platform needs to know to offer loghi-runner."""
