print("tapio")
