package tencentcloud

// RegionIDs are the regions the API knows, with the number that TCR calls
// them by (tencentcloudstack/terraform-provider-tencentcloud, extension_tcr.go).
func RegionIDs() map[string]uint64 {
	return map[string]uint64{
		"ap-guangzhou": 1, "ap-shanghai": 4, "ap-hongkong": 5, "ap-beijing": 8, "ap-singapore": 9,
		"na-siliconvalley": 15, "ap-chengdu": 16, "eu-frankfurt": 17, "ap-seoul": 18, "ap-chongqing": 19,
		"ap-mumbai": 21, "na-ashburn": 22, "ap-bangkok": 23, "ap-tokyo": 25, "ap-nanjing": 33,
		"ap-taipei": 39, "ap-jakarta": 72, "sa-saopaulo": 74,
	}
}
