"""What a banner costs the page that it stands on, beside others. See ``tests.bench_banner``."""
