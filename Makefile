# SPDX-License-Identifier: MIT
# Every target works from a fresh checkout. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= /usr/bin/python3
VENV := build/venv
# where the project lives, for `make home`
HOME_URL := https://github.com/credhelper/credhelper
ADDRESS := maintainers@credhelper.example
RUN := $(VENV)/bin
# what hangs ends as a failure, with the stacks of its threads
PYTEST := $(RUN)/python -m pytest --timeout=300

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 18

.PHONY: demo
demo: ## show the main job in a scratch place (root; installs what it needs)
	@tests/setup run
	@examples/demo

.PHONY: pictures
pictures: ## draw the pictures of README.md from a real run (root)
	@tests/setup run
	@examples/pictures

.PHONY: wheel
wheel: venv ## build the library's wheel in build/dist
	$(RUN)/python -m pip wheel -q --no-deps --no-build-isolation -w build/dist .

.PHONY: check
check: ## install what the tests need and run all of them (root)
	tests/setup
	$(MAKE) --no-print-directory lint check-checkout check-package check-system

.PHONY: bench
bench: venv rpm ## measure against peers and write benchmarks/README.md (root)
	$(RUN)/python -m pip install -q -r benchmarks/requirements.txt
	$(RUN)/python -m tests.machines.roots
	$(RUN)/python -m benchmarks.report

.PHONY: bench-fleet
bench-fleet: venv rpm ## measure the collection over many hosts and write benchmarks/fleet.md (root)
	$(RUN)/python -m pip install -q --upgrade --no-deps --target build/community 'ansible==12.*'
	$(RUN)/python -m tests.machines.roots
	$(RUN)/python -m benchmarks.fleet

.PHONY: first-run
first-run: ## count and time the way from a key to the first run, beside pass and age (root)
	@benchmarks/first-run

.PHONY: setup
setup: ## install the system packages that the tests need (root, Debian or Fedora)
	tests/setup

.PHONY: venv
venv: $(VENV)/.made ## make the Python environment for development in build/venv

$(VENV)/.made: pyproject.toml tests/requirements.txt
	test -x $(RUN)/python || $(PYTHON) -m venv --system-site-packages $(VENV)
	$(RUN)/python -m pip install -q -r tests/requirements.txt
	$(RUN)/python -m pip install -q --no-deps -e .
	touch $@

.PHONY: lint
lint: venv ## ruff and mypy
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy

# ---- tests of the checkout ----
.PHONY: check-checkout
check-checkout: venv ## run tests/unit and tests/real side by side (root)
	$(PYTEST) tests/unit tests/real -n auto --dist worksteal --junitxml=build/checkout.xml $(PYTESTFLAGS)

.PHONY: check-unit
check-unit: venv ## run tests/unit: pure logic
	$(PYTEST) tests/unit $(PYTESTFLAGS)

.PHONY: check-real
check-real: venv ## run tests/real: the real tools, in a private mount namespace (root)
	$(PYTEST) tests/real -n auto --dist worksteal $(PYTESTFLAGS)

.PHONY: check-crashes
check-crashes: venv ## kill, fail and cut the power of each writing verb at every moment; write the counts (root)
	CREDHELPER_EVERY_STATE=1 $(PYTEST) --timeout=3600 tests/real/test_crash.py tests/real/test_power_cuts.py \
	    -n 4 --dist worksteal --junitxml=build/crashes.xml $(PYTESTFLAGS)  # half of the time it waits for disks
	$(RUN)/python -m tests.real.crash_report build/crashes.xml tests/README.md

PYTHONS ?= all
.PHONY: check-cpython
check-cpython: venv ## run all of CPython's tests that start a Python with the runner in its place, on PYTHONS= (root)
	CREDHELPER_CPYTHON=$(PYTHONS) CREDHELPER_FROM_CHECKOUT=1 $(PYTEST) --timeout=3600 tests/real/test_cpython.py \
	    tests/system/test_cpython.py tests/system/test_python.py -n auto --dist worksteal $(PYTESTFLAGS)

.PHONY: coverage
coverage: venv ## run check-checkout under coverage, children included, and hold it to its limit (root)
	$(RUN)/coverage erase
	$(RUN)/coverage run -m pytest --timeout=900 tests/unit tests/real -n auto --dist worksteal $(PYTESTFLAGS)
	$(RUN)/coverage combine -q
	$(RUN)/coverage report

# ---- the package: each way to build it is explained in CONTRIBUTING.md ----
SPEC := credhelper.spec
VERSION := $(shell sed -n 's/^Version: *//p' $(SPEC))
outdir ?= $(CURDIR)/build/srpm
topdir ?= $(CURDIR)/build/rpm
PACKAGING := build/venv-packaging
GIT := git -c safe.directory=$(CURDIR)
# the commit to pack: HEAD, or the tracked files as they are where they differ from it
COMMIT = $$(commit=$$($(GIT) stash create); echo $${commit:-HEAD})
# not --load: RPM 6 forgets what was loaded when it turns to the noarch target
STAND_IN = --nodeps --macros "$$(rpm --showrc | sed -n "s/^Macro path: //p"):$(CURDIR)/tests/package/macros.fedora-stand-in"
# Fedora's macros where they are, else what stands in for them
MACROS = $(if $(shell rpm --eval '%{?pyproject_buildrequires:fedora}' 2>/dev/null | grep fedora),,$(STAND_IN))
REPRODUCIBLE := --define "_buildhost localhost" --define "use_source_date_epoch_as_buildtime 1" \
    --define "clamp_mtime_to_source_date_epoch 1" --define "source_date_epoch_from_changelog 0"

.PHONY: archive
archive: ## pack the checkout as the source archive of the package, in build/srpm
	mkdir -p $(outdir); cp $(SPEC) $(outdir)/
	commit=$(COMMIT); sources="$(outdir)/$(SPEC) $(outdir)/credhelper-$(VERSION).tar.gz"; \
	$(GIT) archive --format=tar --prefix=credhelper-$(VERSION)/ $$commit \
	    | gzip -n -9 >$(outdir)/credhelper-$(VERSION).tar.gz; \
	chmod 0644 $$sources; touch -d @$$($(GIT) show -s --format=%ct $$commit) $$sources

# The header of a source RPM holds the paths that the spec expands to: relative ones are the same everywhere.
.PHONY: srpm
srpm: archive ## build the source RPM in build/srpm; the same commit gives the same bytes
	cd $(outdir) && SOURCE_DATE_EPOCH=$$(stat -c %Y $(SPEC)) rpmbuild -bs $(MACROS) $(REPRODUCIBLE) \
	    --define "_topdir ." --define "_sourcedir ." --define "_srcrpmdir ." $(SPEC)
	cd $(outdir) && rmdir --ignore-fail-on-non-empty BUILD BUILDROOT RPMS

.PHONY: rpm
rpm: archive $(if $(MACROS),venv) ## build the RPMs with plain rpmbuild in a private tree, build/rpm
	rm -rf $(topdir)
	SOURCE_DATE_EPOCH=$$(stat -c %Y $(outdir)/$(SPEC)) rpmbuild -ba $(MACROS) $(REPRODUCIBLE) $(RPMFLAGS) \
	    --define "_build_python $(abspath $(RUN)/python)" --define "_topdir $(topdir)" --define "_sourcedir $(outdir)" $(outdir)/$(SPEC)

.PHONY: home
home: ## write HOME_URL and ADDRESS, as this file has them, into whatever names them
	was=$$(sed -n 's/^URL: *//p' $(SPEC)); address=$$(sed -n '/^%changelog/,$$ s/.*<\(.*\)>.*/\1/p' $(SPEC) | head -n 1); \
	$(GIT) grep -lF -e "$$was" -e "$$address" -- ':!Makefile' \
	    | xargs -r sed -i -e "s|$$was|$(HOME_URL)|g" -e "s|$$address|$(ADDRESS)|g"

$(PACKAGING)/.made: tests/requirements-packaging.txt
	test -x $(PACKAGING)/bin/python || $(PYTHON) -m venv $(PACKAGING)
	$(PACKAGING)/bin/python -m pip install -q -r tests/requirements-packaging.txt
	touch $@

.PHONY: lint-package
lint-package: rpm $(PACKAGING)/.made ## lint what the package brings, each kind with its own tool
	$(PACKAGING)/bin/rpmlint --strict -c tests/package/rpmlint.toml -r credhelper.rpmlintrc \
	    $(SPEC) $(topdir)/RPMS $(topdir)/SRPMS
	$(PACKAGING)/bin/tmt lint --failed-only
	tests/package/lint

.PHONY: lint-packit
lint-packit: $(PACKAGING)/.made ## validate .packit.yaml; compiles bindings of Kerberos first, so by hand
	$(PACKAGING)/bin/python -m pip install -q packitos
	$(PACKAGING)/bin/packit config validate --offline .

.PHONY: lint-ansible
lint-ansible: venv ## ansible-test sanity and ansible-lint over the collection
	PATH=$(abspath $(RUN)):$$PATH tests/package/lint-ansible build/ansible

.PHONY: check-package
check-package: venv lint-package lint-ansible ## build the RPM, lint everything that goes into it, and test it (root)
	$(PYTEST) --timeout=1500 tests/package $(PYTESTFLAGS)

.PHONY: check-rpm-py-installer
check-rpm-py-installer: rpm ## read the package with bindings built for this Python (downloads RPM's source)
	$(PYTHON) -m venv build/venv-rpm-py-installer
	build/venv-rpm-py-installer/bin/python -m pip install -q rpm-py-installer pytest -e .
	build/venv-rpm-py-installer/bin/python -m pytest --noconftest tests/package/test_rpm.py

.PHONY: mock
mock: srpm ## build the RPMs in Fedora's own build root with mock (Fedora only)
	mock -r $(or $(MOCK_ROOT),fedora-rawhide-x86_64) --resultdir build/mock $(outdir)/credhelper-$(VERSION)-*.src.rpm

.PHONY: copr
copr: srpm ## build in Copr: make copr COPR=owner/project (needs copr-cli and its token)
	copr-cli build $(COPR) $(outdir)/credhelper-$(VERSION)-*.src.rpm

# ---- booted systems: systemd 257 and 262 as PID 1, and a virtual machine with a TPM2 (root) ----
.PHONY: check-system
check-system: venv rpm ## run tests/system in booted machines, built on first use (root)
	$(RUN)/python -m tests.machines.roots bookworm trixie sid next
	$(PYTEST) --timeout=600 tests/system -n 2 --dist loadfile -k "not vm" --junitxml=build/system.xml $(PYTESTFLAGS)

# a processor without KVM is emulated: there a boot takes 15 to 90 seconds
.PHONY: check-vm
check-vm: venv rpm ## run tests/system in the virtual machine that has a TPM2 and can lose its power (root)
	$(RUN)/python -m tests.machines.roots vm
	$(PYTEST) --timeout=1800 tests/system -n 2 --dist loadfile -k vm --junitxml=build/vm.xml $(PYTESTFLAGS)

.PHONY: system-report
system-report: ## write what the last check-system showed into tests/README.md
	$(RUN)/python -m tests.machines.report build/system.xml tests/README.md

.PHONY: fuzz
fuzz: venv rpm ## run the fuzz tests long (root)
	$(PYTEST) --timeout=3600 tests/system/test_fuzz.py -n 2 --hypothesis-profile=long --durations=0 $(PYTESTFLAGS)
