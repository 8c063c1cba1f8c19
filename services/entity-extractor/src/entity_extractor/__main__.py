from entity_extractor.main import main

main()
