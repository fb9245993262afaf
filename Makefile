# The only commands anyone needs. Each sets up .venv by itself; paths are relative, so any folder will do.

# the Python that .venv is made with: the one it has, unless another is named
PYTHON ?= $(if $(wildcard .venv/bin/python),.venv/bin/python,python3)
VENV := .venv/bin/python
# what was set for other Pythons stays out of this one and of those that it starts
unexport PYTHONPATH PYTHONHOME
# under any locale, a missing one too, a folder may be called ü, and what pip says can be read
export LC_ALL := C.UTF-8

.PHONY: help html test check sweep serve bench lint linkcheck lock clean set-up
.NOTPARALLEL:

help:  ## this list
	@awk -F ':.*## ' '/^##@ /{print "\n" substr($$0, 5)} /^[a-z-]+:.*## /{printf "  make %-11s%s\n", $$1, $$2}' Makefile

##@ Read
html: set-up  ## build the site; it ends with the page to open
	@$(VENV) -m tools.build

##@ Write
serve: set-up  ## show the site in a browser and build it again at every change
	@$(VENV) -m sphinx_autobuild -nq -c . -d docs/_build/serve-doctrees --watch examples --watch src \
		--re-ignore '/docs/(lessons|jupyter_execute|_build)/' --re-ignore __pycache__ \
		--open-browser docs docs/_build/serve

##@ Check
test: set-up  ## build the site and test everything, in a real browser too
	@$(VENV) -m tools.browser
	@$(VENV) -m tools.build
	@$(VENV) -m pytest -n auto --dist loadfile --no-loadscope-reorder \
		&& echo "Everything holds. Before you send a change: make lint" \
		|| { echo "Something failed: the summary above names it. One test alone: $(VENV) -m pytest FILE::TEST" >&2; exit 1; }

check: set-up  ## the quick tests, in a minute: no site, no browser, no lesson
	@$(VENV) -m pytest -m "not slow and not site and not browser"

sweep: set-up  ## the random cases in full, of which the tests run a tenth
	@$(VENV) -m tools.browser
	@CHAINRULE_SWEEP=1 $(VENV) -m pytest -n auto -m sweep

lint: set-up  ## style, types and spelling
	@$(VENV) -m ruff check .
	@$(VENV) -m ruff format --check .
	@$(VENV) -m mypy
	@$(VENV) -m codespell_lib
	@$(VENV) -m tools.check_js

linkcheck: html  ## ask every outside link whether it still leads somewhere; needs the network
	@$(VENV) -m sphinx -b linkcheck -q -c . -d docs/_build/doctrees docs docs/_build/linkcheck

bench: set-up .peers  ## measure lessons, builds, recording beside other tools, the live graph and the pages; results are kept in bench
	@$(VENV) -m bench.performance
	@$(VENV) -m bench.asking
	@$(VENV) -m bench.lessons
	@$(VENV) -m bench.build
	@$(VENV) -m tools.browser
	@$(VENV) -m bench.live
	@$(VENV) -m bench.pages

# what is measured beside chainrule, in a folder that no other command looks into; PyTorch and NumPy are those of .venv
.peers: bench/peers.txt requirements.lock
	@rm -rf .peers
	@$(VENV) -m pip install --quiet --no-deps --target .peers -r bench/peers.txt
	@touch .peers

##@ Keep
lock:  ## resolve requirements.lock again; UPGRADE=1 takes newer versions
	@command -v uv >/dev/null || { echo "make lock needs uv, which is not installed here: pip install uv" >&2; exit 1; }
# one version for all Pythons where there is one, so that everybody builds the same site; PyTorch is noted above the rest
	@sed 's/^# torch=/torch=/' requirements.lock > .make.new && uv pip compile --quiet --universal --python-version 3.11 \
		--all-extras --generate-hashes --fork-strategy fewest --no-annotate --no-header $(if $(UPGRADE),--upgrade) \
		-o .make.new pyproject.toml && { grep "^# [^t]" requirements.lock; grep -o "^torch==[0-9.]*" .make.new | sed "s/^/# /"; \
		awk '/^[a-z]/ {ours = !/^(nvidia-|cuda-|triton=|torch=)/} ours' .make.new; } > .make.lock && mv .make.lock requirements.lock
	@rm -f .make.new

clean:  ## remove what was built; .venv stays
	@rm -rf docs/_build docs/lessons docs/jupyter_execute jupyter_execute .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find conf.py docs examples src tests tools -name __pycache__ -prune -exec rm -rf {} +

set-up:
	@command -v "$(PYTHON)" >/dev/null \
		|| { echo "found no $(PYTHON); chainrule needs Python 3.11 or later. Name one: make html PYTHON=python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c "import sys; sys.version_info >= (3, 11) or sys.exit('found Python %d.%d.%d at %s; chainrule needs 3.11 or \
	later. Use another, for example: make html PYTHON=python3.12' % (tuple(sys.version_info[:3]) + (sys.executable,)))"
	@"$(PYTHON)" -m tools.environment
