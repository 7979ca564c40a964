// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Does an IOMMU stand between the disk and the crash kernel? The devices of the dead
 * kernel go on with addresses that its tables translate; Intel's and AMD's drivers copy
 * these tables when they start in a crash kernel and switch over device by device (Linux
 * drivers/iommu/intel/iommu.c, copy_translation_tables(), since v4.2; drivers/iommu/amd/
 * init.c, copy_device_table(), since v4.14). Arm's SMMUv3 has had no such thing: there
 * what a device still does ends in faults, and most drivers reset it in time.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "prepare/requirement.h"

#define IOMMU_CLASS	  "/sys/class/iommu"
#define IOMMU_NAMES_SHOWN 4

struct iommu_kind {
	const char *prefix; /* of its name in IOMMU_CLASS */
	const char *option; /* of the crash kernel, that takes over; NULL: nothing does */
};

static const struct iommu_kind kinds[] = {
	{ "dmar", "INTEL_IOMMU" },
	{ "ivhd", "AMD_IOMMU" },
	{ "smmu", NULL },
	{ "arm-smmu", NULL },
};

static const struct iommu_kind *kind_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (strncmp(name, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
			return &kinds[i];
	}
	return NULL;
}

/* How many there are, the names of the first ones, and the kind of one, if it is known.
 */
static size_t iommu_list(const struct check_subject *subject, struct text *names,
			 const struct iommu_kind **ret_kind)
{
	char path[PATH_MAX];
	struct dirent *entry;
	size_t count = 0;
	DIR *dir = NULL;

	if (snprintf(path, sizeof(path), "%s" IOMMU_CLASS, subject->root) <
	    (int)sizeof(path))
		dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		const struct iommu_kind *kind = kind_of(entry->d_name);

		if (entry->d_name[0] == '.')
			continue;
		if (count++ < IOMMU_NAMES_SHOWN)
			text_add(names, "%s%.32s", count > 1 ? ", " : "", entry->d_name);
		if (kind && (!*ret_kind || !kind->option))
			*ret_kind = kind;
	}
	if (dir)
		closedir(dir);
	if (count > IOMMU_NAMES_SHOWN)
		text_add(names, ", ...");
	return count;
}

void probe_iommu(const struct check_subject *subject, const struct requirement *row,
		 struct finding *finding)
{
	static const char rehearse[] =
		"crash it once on purpose: epitaph rehearse --real";
	_cleanup_text struct text names = { 0 };
	const struct iommu_kind *kind = NULL;
	size_t count;
	char value;

	if (!subject->has_sysfs) {
		finding_set(finding, REQUIREMENT_UNKNOWN, "", NULL,
			    "there is no /sys to be seen");
		return;
	}
	count = iommu_list(subject, &names, &kind);
	if (count == 0) {
		finding_set(finding, REQUIREMENT_OK, "", NULL, "none is in use");
		return;
	}
	if (!kind || !kind->option) {
		finding_set(finding, row->missing, IOMMU_CLASS, rehearse,
			    "%s: whether a crash kernel takes it over is not known",
			    text_get(&names));
		return;
	}
	if (subject->dump_result < 0) {
		finding_set(finding, REQUIREMENT_UNKNOWN, IOMMU_CLASS, rehearse,
			    "%s, and the crash kernel's configuration is not known",
			    text_get(&names));
		return;
	}
	value = kernel_config_get(&subject->dump, kind->option);
	if (value == 'y')
		finding_set(finding, REQUIREMENT_OK, IOMMU_CLASS, NULL,
			    "%s: CONFIG_%s=y in the crash kernel takes over",
			    text_get(&names), kind->option);
	else
		finding_set(finding, row->missing, IOMMU_CLASS, NULL,
			    "%s, and the crash kernel has no CONFIG_%s", text_get(&names),
			    kind->option);
}
