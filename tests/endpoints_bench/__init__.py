"""What ``tests.bench_endpoints`` and ``tests.bench_soak`` send."""
