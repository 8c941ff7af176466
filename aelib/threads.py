"""The cores of this machine, shared among programs that run at the same time."""

from joblib import cpu_count

# TensorFlow's own threads, then those of the libraries below NumPy and scikit-learn.
THREADS = (
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
)


def share(jobs: int) -> dict[str, str]:
    """Environment variables for each of `jobs` programs: one share of the cores, 1 or more.

    They count only if they are set before NumPy and TensorFlow are imported.
    """
    return dict.fromkeys(THREADS, str(max(1, cpu_count() // jobs)))
