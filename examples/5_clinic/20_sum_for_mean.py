"""
Calm a loss that explodes
=========================

**What you get:** to be written.

**What you need:** :ref:`sphx_glr_lessons_2_descent_60_module.py`. Reading time: 8 minutes.
"""
